;; Requests a table of four billion entries, and continues when that fails.
(core module $module
  (table $table 0 funcref)
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (drop (table.grow $table (ref.null func) (i32.const -2)))
    (call $healthy)))
