;; Creates resources of its own and keeps them: each takes an entry in a table of the host.
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core module $module
  (import "thing" "new" (func $new (param i32) (result i32)))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $round i32)
    (loop $again
      (drop (call $new (local.get $round)))
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 5000))))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "thing" (instance (export "new" (func $new))))))
