/// What happens to a product's elements before they are stored.
@safe public enum Epilogue: @unchecked Sendable {
    case none
    /// Adds `bias[column]`.
    case bias(UnsafePointer<Float>)
    /// Adds `bias[column]`, then max(0, ·).
    case biasReLU(UnsafePointer<Float>)
    /// 0 where the mask, a matrix of the product's shape, is not above 0: the derivative of ReLU.
    case reluMask(Matrix)
}
