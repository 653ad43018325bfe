"""The specification's statements: COPY TO, COPY FROM and CAPTURE, read into the keywords of the options classes."""
