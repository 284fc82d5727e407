;; A valid description: bad 1.0.0, any settings.
(data (i32.const 16) "bad1.0.0{}")
(data (i32.const 64)
  "\10\00\00\00\03\00\00\00" "\13\00\00\00\05\00\00\00" "\10\00\00\00\03\00\00\00" "\18\00\00\00\02\00\00\00"
  "\00\00\00\00\00\00\00\00")
(func (export "describe") (result i32) (i32.const 64))
