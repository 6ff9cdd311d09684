"""What a platform team would serve the same model with instead: each the shortest program that its documentation shows.

They run in an environment of their own (requirements/bench.txt) and import nothing of Slipway's.
"""
