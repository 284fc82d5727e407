(func (export "cabi_post_check") (param i32))
