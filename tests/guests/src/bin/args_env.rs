//! Prints its arguments and its environment, which is all it was given and nothing of the host's.

fn main() {
    println!("args {:?}", std::env::args().collect::<Vec<_>>());
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    variables.sort();
    println!("env {variables:?}");
    println!(
        "cwd {}",
        std::env::current_dir().expect("there is one").display()
    );
}
