;; Exports an interface with the right name, with one function of the wrong type and without the
;; other.
(component
  (core module $module
    (func (export "describe") (result i32)
      i32.const 7))
  (core instance $core (instantiate $module))
  (func $describe (result u32) (canon lift (core func $core "describe")))
  (instance $health-check (export "describe" (func $describe)))
  (export "vitals:health/health-check@0.1.0" (instance $health-check)))
