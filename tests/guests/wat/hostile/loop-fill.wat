;; Runs one bulk instruction after another, each over the whole of a large memory.
(core module $module
  (memory (export "memory") 960)
  ;; + realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever
      (memory.fill (i32.const 65536) (i32.const 170) (i32.const 62000000))
      (br $for_ever))
    unreachable))
