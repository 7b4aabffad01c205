//! serde: a tensor is its shape and its elements in row-major order.

use std::borrow::Cow;

use ::serde::de::Error as _;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tensor::{Elem, Tensor};

#[derive(Serialize, Deserialize)]
#[serde(rename = "Tensor", crate = "::serde")]
struct Plain<'a, T: Clone> {
    shape: Vec<usize>,
    data: Cow<'a, [T]>,
}

impl<T: Elem + Serialize> Serialize for Tensor<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Plain { shape: self.shape().to_vec(), data: Cow::<[T]>::Owned(self.to_vec()) }.serialize(serializer)
    }
}

impl<'de, T: Elem + Deserialize<'de>> Deserialize<'de> for Tensor<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tensor<T>, D::Error> {
        let plain = Plain::<T>::deserialize(deserializer)?;
        Tensor::from_vec(plain.data.into_owned(), plain.shape).map_err(D::Error::custom)
    }
}
