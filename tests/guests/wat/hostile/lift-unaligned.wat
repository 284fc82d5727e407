;; Returns a result at an unaligned address.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 129)))
