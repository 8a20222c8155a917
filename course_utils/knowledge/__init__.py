"""Documents → chunks → index → retriever: the plumbing of lesson 02."""
