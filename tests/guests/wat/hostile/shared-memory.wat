;; Has a memory that threads could share.
(core module $module
  ;; + memory
  (memory $shared 1 4 shared)
  ;; + realloc describe post healthy well
)
