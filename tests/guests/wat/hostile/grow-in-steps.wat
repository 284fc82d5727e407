;; Grows its memory page by page and ignores failures.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever
      (drop (memory.grow (i32.const 1)))
      (br $for_ever))
    unreachable))
