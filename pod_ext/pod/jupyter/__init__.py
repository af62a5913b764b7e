"""The IPython extension: hooks, magics and display. The only part of Pod that imports IPython."""
