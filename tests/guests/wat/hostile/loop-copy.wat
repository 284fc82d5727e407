;; Copies one half of a large memory over the other, again and again.
(core module $module
  (memory (export "memory") 960)
  ;; + realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever
      (memory.copy (i32.const 65536) (i32.const 31000000) (i32.const 30000000))
      (br $for_ever))
    unreachable))
