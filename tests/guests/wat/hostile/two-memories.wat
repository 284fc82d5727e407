;; One core module with two memories, the second of which takes what the first leaves, and more.
(core module $module
  ;; + memory
  (memory $b 0)
  ;; + realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (drop (memory.grow (i32.const 600)))
    (drop (memory.grow $b (i32.const 600)))
    (call $healthy)))
