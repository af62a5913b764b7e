"""Two versions of a value, compared in the terms of its type. Knows no history and no store."""
