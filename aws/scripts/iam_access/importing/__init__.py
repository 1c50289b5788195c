"""Convert the files of older tools into files of teams: their documents in, ours and findings out.

Nothing is read or written here. What cannot be converted is an error at its place in their files;
where the older tool did something else than its files say, a warning says what it did and what the
pipeline does instead.
"""
