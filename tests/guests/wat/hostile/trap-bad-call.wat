;; Calls through a table an entry of another type, and an entry that does not exist.
(core module $module
  (type $other (func (param f64) (result i32)))
  (table $table 4 funcref)
  (elem (i32.const 0) $plain)
  ;; + memory realloc describe post
  (func $plain (result i32) (i32.const 0))
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call_indirect $table (type $other) (f64.const 0) (i32.const 0))))
