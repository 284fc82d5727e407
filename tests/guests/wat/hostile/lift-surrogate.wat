;; Its message is half of a pair of UTF-16, written as if it were UTF-8.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\00\02\00\00\05\00\00\00")
  (data (i32.const 512) "\ed\a0\80ok"))
