"""Pages -> record batches and record batches -> bound values, in Python and in native code."""
