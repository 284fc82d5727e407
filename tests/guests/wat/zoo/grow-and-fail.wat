;; Growths that fail, each as large as one that does not: whoever takes back what failed counts
;; nothing in the end.
(core module $module
  ;; + memory
  (memory $small 0 1)
  (memory $large 0)
  ;; + realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $round i32)
    (loop $again
      (drop (memory.grow $large (i32.const 100)))
      (drop (memory.grow $small (i32.const 100)))
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 20))))
    (call $healthy)))
