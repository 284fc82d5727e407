;; A healthy outcome with the message "bad", or with what the guest replaced it by.
(data (i32.const 128) "\00\00\00\00" "\00\00\00\00" "\10\00\00\00\03\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00")
(func $healthy (result i32) (i32.const 128))
