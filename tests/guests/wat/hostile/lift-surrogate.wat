;; Returns a message with half of a UTF-16 surrogate pair, encoded like UTF-8.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\00\02\00\00\05\00\00\00")
  (data (i32.const 512) "\ed\a0\80ok"))
