;; Loops without a call.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever (br $for_ever))
    unreachable))
