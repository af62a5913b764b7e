"""Objects to pods and back: the pickler, the unpickler, policies and reducers. Knows no files."""
