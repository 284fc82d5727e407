;; Its message is no UTF-8: half a character, and one that says its end before its beginning.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\00\02\00\00\04\00\00\00")
  (data (i32.const 512) "ok\c3\28"))
