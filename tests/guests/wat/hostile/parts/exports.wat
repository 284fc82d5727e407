;; The exports of the core instance $guest, lifted to the contract.
(func $describe (result $description)
  (canon lift (core func $guest "describe") (memory (core memory $guest "memory")) (realloc (core func $guest "cabi_realloc"))))
(func $check (param "request" $request) (result (result $outcome (error string)))
  (canon lift (core func $guest "check") (memory (core memory $guest "memory")) (realloc (core func $guest "cabi_realloc"))
    (post-return (core func $guest "cabi_post_check"))))
(instance $health-check (export "describe" (func $describe)) (export "check" (func $check)))
(export "vitals:health/health-check@0.1.0" (instance $health-check))
