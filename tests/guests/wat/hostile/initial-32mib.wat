;; Starts with 32 MiB of memory: enough for `describe`, too much for a check with a smaller limit.
(core module $module
  (memory (export "memory") 512)
  ;; + realloc describe post healthy well
)
