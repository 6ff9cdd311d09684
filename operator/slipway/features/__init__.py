"""What training and serving must compute alike: expressions of features, rules, the decision on a score.

Pure, and small: it travels in every served image. Parsing needs the standard library only; `evaluation`, `rules` and
`calibration` need numpy.
"""
