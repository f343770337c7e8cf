//! The structs of the C ABI have the sizes and offsets that compiled programs rely on. `layout.c` asserts the
//! same numbers for the C compilers.

#![cfg(target_pointer_width = "64")]

use std::mem::{align_of, offset_of, size_of};

macro_rules! layout {
    ($($name:ident: size $size:literal, align $align:literal { $($field:ident: $offset:literal,)* })*) => {$(
        #[test]
        fn $name() {
            use fastpar::ffi::$name;
            assert_eq!(size_of::<$name>(), $size, "size");
            assert_eq!(align_of::<$name>(), $align, "alignment");
            $(assert_eq!(offset_of!($name, $field), $offset, stringify!($field));)*
        }
    )*};
}

include!("layout.rs");
