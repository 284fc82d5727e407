;; Returns texts as UTF-16, with half a surrogate pair in the message.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\00\02\00\00\03\00\00\00")
  (data (i32.const 512) "o\00\00\d8k\00"))
(core instance $guest (instantiate $module))
(func $describe (result $description)
  (canon lift (core func $guest "describe") (memory (core memory $guest "memory")) (realloc (core func $guest "cabi_realloc"))))
(func $check (param "request" $request) (result (result $outcome (error string)))
  (canon lift (core func $guest "check") (memory (core memory $guest "memory")) (realloc (core func $guest "cabi_realloc"))
    (post-return (core func $guest "cabi_post_check")) string-encoding=utf16))
(instance $health-check (export "describe" (func $describe)) (export "check" (func $check)))
(export "vitals:health/health-check@0.1.0" (instance $health-check))
