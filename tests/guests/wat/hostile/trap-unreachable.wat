;; Traps at once.
(core module $module
  ;; + memory realloc describe post never
)
