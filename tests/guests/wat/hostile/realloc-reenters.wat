;; Calls the host when asked to allocate what the host is passing.
(import "vitals:health/reporting@0.1.0" (instance $reporting
  (type $l (enum "debug" "info" "warning" "error"))
  (export "level" (type $level (eq $l)))
  (export "log" (func (param "level" $level) (param "message" string)))))
(core module $words
  ;; + memory
)
(core instance $words (instantiate $words))
(core func $log (canon lower (func $reporting "log") (memory (core memory $words "memory"))))
(core module $module
  (import "host" "log" (func $log (param i32 i32 i32)))
  (import "words" "memory" (memory 2))
  (export "memory" (memory 0))
  ;; + describe post healthy well
  (func $again (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $log (i32.const 1) (i32.const 16) (i32.const 3))
    (i32.const 1024)))
(core instance $guest (instantiate $module
  (with "host" (instance (export "log" (func $log))))
  (with "words" (instance $words))))
