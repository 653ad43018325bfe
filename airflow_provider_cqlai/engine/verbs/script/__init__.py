"""The specification's statements: COPY TO, COPY FROM and CAPTURE, read into options and run in order."""
