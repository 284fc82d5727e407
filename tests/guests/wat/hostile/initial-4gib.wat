;; Starts with all the memory that 32 bits can address.
(core module $module
  (memory (export "memory") 65536)
  ;; + realloc describe post healthy well
)
