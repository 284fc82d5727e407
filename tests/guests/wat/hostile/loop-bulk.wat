;; Runs `{instruction}`, one that works on a large memory as a whole, again and again.
(core module $module
  (memory (export "memory") 960)
  ;; + realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever
      {instruction}
      (br $for_ever))
    unreachable))
