;; Fills a large table, again and again.
(core module $module
  (table $table 100000 funcref)
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $for_ever
      (table.fill $table (i32.const 0) (ref.null func) (i32.const 100000))
      (br $for_ever))
    unreachable))
