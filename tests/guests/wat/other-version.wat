;; A plugin of a contract version that does not exist.
(component
  (instance $health-check)
  (export "vitals:health/health-check@0.9.0" (instance $health-check)))
