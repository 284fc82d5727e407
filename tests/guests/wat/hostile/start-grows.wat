;; Takes 40 MiB of memory during instantiation: allowed for `describe`, not for a check with less memory.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (drop (memory.grow (i32.const 640))))
  (start $start))
