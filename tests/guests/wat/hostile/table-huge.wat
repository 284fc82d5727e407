;; Starts with a table of ten million entries.
(core module $module
  (table $table 10000000 funcref)
  ;; + memory realloc describe post healthy well
)
