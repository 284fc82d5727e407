;; Has two functions that tail-call each other through a table, without using stack.
(core module $module
  (type $endless (func (result i32)))
  (table $table 2 funcref)
  (elem (i32.const 0) $there $back)
  ;; + memory realloc describe post
  (func $there (result i32) (return_call_indirect $table (type $endless) (i32.const 1)))
  (func $back (result i32) (return_call_indirect $table (type $endless) (i32.const 0)))
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (return_call $there)))
