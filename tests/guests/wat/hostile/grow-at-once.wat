;; Requests all the memory that 32 bits can address.
(core module $module
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (drop (memory.grow (i32.const 65534)))
    (call $healthy)))
