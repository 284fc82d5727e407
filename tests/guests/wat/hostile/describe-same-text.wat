;; Returns a description whose annotations all refer to the same mebibyte.
(core module $module
  (memory (export "memory") 32)
  ;; + realloc post healthy well
  (data (i32.const 16) "bad1.0.0{}")
  (data (i32.const 64)
    "\10\00\00\00\03\00\00\00" "\13\00\00\00\05\00\00\00" "\10\00\00\00\03\00\00\00" "\18\00\00\00\02\00\00\00"
    "\00\00\10\00\90\01\00\00")
  (func (export "describe") (result i32) (local $at i32)
    (local.set $at (i32.const 0x100000))
    (loop $again
      (i32.store (local.get $at) (i32.const 0x1000))
      (i32.store offset=4 (local.get $at) (i32.const 0x80000))
      (i32.store offset=8 (local.get $at) (i32.const 0x1000))
      (i32.store offset=12 (local.get $at) (i32.const 0x80000))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (i32.const 0x101900))))
    (i32.const 64)))
