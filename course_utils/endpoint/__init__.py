"""The course's own OpenAI-compatible endpoint, on this machine only.

How a request flows: uvicorn (``serve``) → ``app`` (one ASGI application, counts requests) →
a thin function in ``routes/`` that checks the body with ``schemas`` → ``catalog`` (which model a
name means) → ``completion`` (one answer or a stream of chunks) → ``engine`` (llama.cpp in this
process, one engine per model, on a thread) or ``encoder`` (onnxruntime). Whatever goes wrong
becomes an ``errors.EndpointError`` and is answered in OpenAI's error shape.

Files and fine-tuning jobs are kept in ``store`` (SQLite and two folders). ``jobs`` changes what a
client may change; ``runner`` does the work: ``validation`` of the files, then a ``worker`` process
that trains. ``tuned`` lists the models that come of it, for ``catalog``.

``process.ensure_running()`` starts or finds the one endpoint of this ``COURSE_HOME``.

Accepted and ignored, because they change nothing in an answer here: ``user``, ``metadata``,
``store``, ``service_tier``, ``safety_identifier``, ``prompt_cache_key``,
``prompt_cache_retention``, ``parallel_tool_calls``, ``prediction``, ``reasoning_effort``,
``verbosity``, ``name`` in a message, and the API key.

A request with a ``seed`` is *exact*: at one temperature it gives the same text every time on one
machine, because its prompt is read anew by a copy of the model that does nothing else meanwhile
(see ``engine``).

Other than at OpenAI: penalties look at the last 64 tokens, prompt included; an answer without
``max_tokens`` ends after 512 tokens; each model has its own tokenizer.
"""
