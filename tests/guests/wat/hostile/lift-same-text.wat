;; Returns a thousand details that all refer to the same half mebibyte: half a gigabyte when copied.
(core module $module
  (memory (export "memory") 32)
  ;; + realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.const 0x100000))
    (loop $again
      (i32.store (local.get $at) (i32.const 16))
      (i32.store offset=4 (local.get $at) (i32.const 3))
      (i32.store offset=16 (local.get $at) (i32.const 0x1000))
      (i32.store offset=20 (local.get $at) (i32.const 0x80000))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 24))) (i32.const 0x105dc0))))
    (i32.store (i32.const 144) (i32.const 0x100000))
    (i32.store (i32.const 148) (i32.const 1000))
    (call $healthy)))
