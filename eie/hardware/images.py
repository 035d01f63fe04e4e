"""Contents of the memories as files for `$readmemh`, with a manifest that says which file goes where."""
