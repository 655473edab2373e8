(module
  (memory (export "memory") 1)
  (func (export "compare") (param $a i32) (param $b i32) (param $n i32) (result i32)
    (local $end i32) (local $different i32)
    (local.set $end (i32.add (local.get $a) (local.get $n)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
        (local.set $different (i32.add (local.get $different)
          (v128.any_true (v128.xor (v128.load (local.get $a)) (v128.load (local.get $b))))))
        (local.set $a (i32.add (local.get $a) (i32.const 16)))
        (local.set $b (i32.add (local.get $b) (i32.const 16)))
        (br $next)))
    (local.get $different)))
