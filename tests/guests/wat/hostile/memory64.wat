;; Has a memory with 64-bit addresses, as large as can be declared.
(core module $module
  ;; + memory
  (memory $wide i64 1 281474976710656)
  ;; + realloc describe post healthy well
)
