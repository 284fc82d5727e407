;; Answers with a status that there is not.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 132) "\ff"))
