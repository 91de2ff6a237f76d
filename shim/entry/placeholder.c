int symfast_placeholder;
