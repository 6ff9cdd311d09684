"""Where tables lie, as Jobs and served images read them alike: patterns of names, S3 by Arrow's client.

Small: it travels in every served image. `s3` needs pyarrow, and only once it is called.
"""
