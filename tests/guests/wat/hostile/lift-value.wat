;; Returns a detail whose value has a variant that does not exist.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 144) "\00\02\00\00\01\00\00\00")
  (data (i32.const 512) "\10\00\00\00\03\00\00\00" "\09\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"))
