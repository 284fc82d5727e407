;; Returns a message of three mebibytes.
(core module $module
  (memory (export "memory") 64)
  ;; + realloc describe post healthy well
  (data (i32.const 136) "\00\00\10\00\00\00\30\00"))
